{{ config(enabled=var('domain') == 'music') }}

-- In the contract's words: to play a track is to view it, to save it to the library is to take it.
select * replace (
    case event_type when 'play' then 'view' when 'save' then 'purchase' else event_type end as event_type
)
from {{ ref('stg_contract__interactions') }}
