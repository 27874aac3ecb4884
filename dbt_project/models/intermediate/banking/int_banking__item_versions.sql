{{ config(materialized='table') }}

-- Content models read a product's terms as words: products of like risk and duration are alike.
select * replace (
    concat_ws(
        ' ',
        text,
        'risk level ' || cast(attributes ->> '$.risk_level' as integer),
        case
            when cast(attributes ->> '$.duration_months' as integer) > 60 then 'long term'
            when cast(attributes ->> '$.duration_months' as integer) > 0 then 'fixed term'
        end,
        attributes ->> '$.terms'
    ) as text
)
from {{ ref('int_contract__item_versions') }}
