-- At every moment, users' and users' items' purchases are the same events counted twice.
with by_user as (

    select as_of, sum(purchases::double) as purchases
    from {{ ref('user_features') }}
    group by as_of

),

by_user_item as (

    select as_of, sum(purchases::double) as purchases
    from {{ ref('user_item_features') }}
    group by as_of

)

select as_of, by_user.purchases, by_user_item.purchases as purchases_of_items
from by_user
full outer join by_user_item using (as_of)
where by_user.purchases is distinct from by_user_item.purchases
