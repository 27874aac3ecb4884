-- In the contract's words: whoever adds a product takes it, as a shop's customer takes goods.
select * replace (case event_type when 'add' then 'purchase' else event_type end as event_type)
from {{ ref('stg_contract__interactions') }}
