{{ config(materialized='table') }}
-- A table, so that one run reads one set of partitions, whatever lands meanwhile.

with placed as (

    select
        partition_id,
        min(valid_from) as first_valid_from
    from (
        select partition_id, valid_from from {{ staged('placements') }}
        union all
        select partition_id, valid_from from {{ staged('user_states') }}
    )
    group by partition_id

),

described as (

    select
        partition.*,
        placed.first_valid_from,
        partition.landed_at = min(partition.landed_at) over (partition by partition.table_name) as is_first
    from {{ ref('stg_contract__partitions') }} as partition
    left join placed
        on
            partition.partition_id = placed.partition_id
            and partition.table_name in ('placements', 'user_states')

)

select
    partition_id,
    table_name,
    row_count,
    landed_at,
    -- The first moment whose snapshot could see something of the partition. Events and impressions count from the
    -- moment after them. Catalogues and users carry no time of their own: the first that landed is taken to have been known
    -- all along, a later one from the last event that its source had seen.
    case
        when table_name in ('interactions', 'impressions') then min_occurred_at + interval 1 microsecond
        when table_name in ('placements', 'user_states') then first_valid_from
        when is_first or as_of is null then cast('-infinity' as timestamp)
        else as_of
    end as known_from
from described
where row_count > 0
