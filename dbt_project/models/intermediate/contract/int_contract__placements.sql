select
    placement.item_id,
    placement.place_id,
    placement.valid_from,
    placement.valid_to,
    placement.on_display,
    placement.in_mailer
from {{ staged('placements') }} as placement
inner join {{ ref('int_contract__partitions') }} as partition
    on
        placement.partition_id = partition.partition_id
        and partition.table_name = 'placements'
where placement.on_display or placement.in_mailer
