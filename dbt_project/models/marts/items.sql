with seen as (

    select distinct item_id from {{ ref('events') }}

),

known as (

    -- The catalogue as it was known at the run's as-of.
    select version.*
    from {{ domain_ref('item_versions') }} as version
    inner join {{ ref('int_snapshots') }} as snapshot
        on
            snapshot.is_last
            and snapshot.as_of >= version.known_from
            and snapshot.as_of < version.known_until

)

select
    item_id,
    coalesce(known.name, 'Item ' || item_id) as name,
    coalesce(known.category_path, []) as category_path,
    known.category,
    known.brand,
    known.manufacturer_id,
    known.package_size,
    coalesce(known.text, '') as text,
    known.price,
    known.margin,
    known.stock,
    known.launched_at,
    coalesce(known.attributes, '{}') as attributes
from known
full outer join seen using (item_id)
