with places as (

    select
        as_of,
        count(distinct place_id) as places
    from {{ ref('item_placements') }}
    group by as_of

)

select
    placement.item_id,
    placement.as_of,
    count(*) filter (where placement.on_display) / places.places as on_display,
    count(*) filter (where placement.in_mailer) / places.places as in_mailer
from {{ ref('item_placements') }} as placement
inner join places
    on placement.as_of = places.as_of
group by placement.item_id, placement.as_of, places.places
