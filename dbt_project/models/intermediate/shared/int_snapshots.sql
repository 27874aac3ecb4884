{{ config(materialized='table') }}

with moments as (

    select unnest({{ requested_snapshots() }}) as as_of

)

select
    moments.as_of,
    {{ day_of('moments.as_of') }} as day,
    moments.as_of = max(moments.as_of) over () as is_last,
    -- What the snapshot is made from: these partitions, by this SQL.
    md5(concat_ws(
        ' ',
        '{{ var("definitions") }}',
        '{{ var("day_starts_at_hour") }}',
        string_agg(partition.table_name || '/' || partition.partition_id, ' ' order by partition.table_name, partition.partition_id)
    )) as fingerprint,
    '{{ var("definitions") }}' as definitions,
    '{{ var("plan") }}' as plan
from moments
left join {{ domain_ref('partitions') }} as partition
    on moments.as_of >= partition.known_from
group by moments.as_of
