with source as (

    select * from {{ source('landing', 'interactions') }}

),

renamed as (

    select
        -- ids
        event_id,
        user_id,
        session_id,
        item_id,
        place_id,
        slate_id,
        {{ partition_of('filename') }} as partition_id,

        -- strings
        event_type,
        device,
        channel,

        -- numbers
        value,
        quantity,
        seconds,
        discount,

        -- timestamps
        occurred_at

    from source

)

select * from renamed
