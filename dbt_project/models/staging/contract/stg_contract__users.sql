with source as (

    select * from {{ source('landing', 'users') }}

),

renamed as (

    select
        -- ids
        user_id,
        {{ partition_of('filename') }} as partition_id,

        -- strings
        attributes,

        -- booleans
        consent

    from source

)

select * from renamed
