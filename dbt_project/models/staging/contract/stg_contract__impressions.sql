with source as (

    select * from {{ source('landing', 'impressions') }}

),

renamed as (

    select
        -- ids
        slate_id,
        user_id,
        session_id,
        item_id,
        {{ partition_of('filename') }} as partition_id,

        -- strings
        sources,
        rules,
        placement,
        device,
        channel,
        degraded,

        -- numbers
        "position",
        score,
        propensity,
        model_version,

        -- booleans
        explored,

        -- timestamps
        shown_at

    from source

)

select * from renamed
