with seen as (

    select distinct user_id from {{ ref('events') }} where known_user

),

known as (

    select version.*
    from {{ domain_ref('user_versions') }} as version
    inner join {{ ref('int_snapshots') }} as snapshot
        on
            snapshot.is_last
            and snapshot.as_of >= version.known_from
    qualify row_number() over (partition by version.user_id order by version.known_from desc) = 1

)

select
    user_id,
    coalesce(known.attributes, '{}') as attributes,
    known.consent
from known
full outer join seen using (user_id)
