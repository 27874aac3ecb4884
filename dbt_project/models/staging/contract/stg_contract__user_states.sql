with source as (

    select * from {{ source('landing', 'user_states') }}

),

renamed as (

    select
        -- ids
        user_id,
        {{ partition_of('filename') }} as partition_id,

        -- strings
        attributes,

        -- timestamps
        valid_from

    from source

)

select * from renamed
