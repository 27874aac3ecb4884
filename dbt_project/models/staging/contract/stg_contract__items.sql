with source as (

    select * from {{ source('landing', 'items') }}

),

renamed as (

    select
        -- ids
        item_id,
        manufacturer as manufacturer_id,
        {{ partition_of('filename') }} as partition_id,

        -- strings
        name,
        department,
        category,
        subcategory,
        brand,
        package_size,
        description,
        attributes,

        -- numbers
        price,
        margin,
        stock,

        -- timestamps
        launched_at

    from source

)

select * from renamed
