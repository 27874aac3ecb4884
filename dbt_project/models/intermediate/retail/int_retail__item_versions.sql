{{ config(materialized='table') }}

select * replace (
    coalesce(lower(brand) in ('private', 'private label', 'own brand'), false) as private_brand
)
from {{ ref('int_contract__item_versions') }}
