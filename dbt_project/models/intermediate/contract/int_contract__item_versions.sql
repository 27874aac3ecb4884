with landed as (

    select
        item.*,
        partition.known_from,
        partition.landed_at
    from {{ staged('items') }} as item
    inner join {{ ref('int_contract__partitions') }} as partition
        on
            item.partition_id = partition.partition_id
            and partition.table_name = 'items'
    qualify row_number() over (
        partition by item.item_id, partition.known_from
        order by partition.landed_at desc, item.partition_id
    ) = 1

)

select
    item_id,
    known_from,
    lead(known_from, 1, cast('infinity' as timestamp)) over (
        partition by item_id
        order by known_from
    ) as known_until,
    coalesce(name, subcategory, category, department, 'Item ' || item_id) as name,
    list_filter([department, category, subcategory], lambda level: level is not null) as category_path,
    category,
    brand,
    false as private_brand,
    manufacturer_id,
    package_size,
    -- Everything that can be read about the item, without what its name or hierarchy already say twice.
    concat_ws(' ', department, category, subcategory, nullif(name, subcategory), package_size, brand, description) as text,
    price,
    margin,
    stock,
    launched_at,
    -- Merging a patch drops its nulls: what the catalogue does not say stays absent.
    cast(json_merge_patch(coalesce(attributes, '{}'), json_object('department', department, 'subcategory', subcategory)) as varchar) as attributes
from landed
