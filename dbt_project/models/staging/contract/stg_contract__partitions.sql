with source as (

    select * from {{ source('landing', 'partitions') }}

),

renamed as (

    select
        -- ids
        {{ partition_of('filename') }} as partition_id,

        -- strings
        source as source_name,
        "table" as table_name,

        -- numbers
        rows as row_count,

        -- timestamps
        cast(as_of as timestamp) as as_of,
        cast(min_occurred_at as timestamp) as min_occurred_at,
        cast(max_occurred_at as timestamp) as max_occurred_at,
        cast(landed_at as timestamp) as landed_at

    from source

)

select * from renamed
