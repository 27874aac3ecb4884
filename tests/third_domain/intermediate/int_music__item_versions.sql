{{ config(enabled=var('domain') == 'music', materialized='table') }}

-- Content models read a track's mood beside its name and genre.
select * replace (concat_ws(' ', text, attributes ->> '$.mood') as text)
from {{ ref('int_contract__item_versions') }}
