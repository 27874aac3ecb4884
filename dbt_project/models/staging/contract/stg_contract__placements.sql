with source as (

    select * from {{ source('landing', 'placements') }}

),

renamed as (

    select
        -- ids
        item_id,
        place_id,
        {{ partition_of('filename') }} as partition_id,

        -- booleans
        coalesce(on_display, false) as on_display,
        coalesce(in_mailer, false) as in_mailer,

        -- timestamps
        valid_from,
        valid_to

    from source

)

select * from renamed
