"""What the snapshots lack agrees with them."""


def test_approved_applications_show_in_the_next_snapshot(query):
    rows = query("""
        SELECT outcome, product, count(*) FROM applications
        WHERE product = 'ind_tjcr_fin_ult1' GROUP BY ALL
    """)
    assert {outcome for outcome, _, _ in rows} == {"approved", "refused", "withdrawn"}
    wrong = query("""
        SELECT count(*)
        FROM applications AS a
        JOIN snapshots AS s ON s.ncodpers::BIGINT = a.customer
            AND s.fecha_dato::DATE >= a.at::DATE AND s.fecha_dato::DATE < a.at::DATE + INTERVAL 1 MONTH
        WHERE a.product = 'ind_tjcr_fin_ult1' AND (a.outcome = 'approved') <> (s.ind_tjcr_fin_ult1 = '1')
    """)
    assert wrong == [(0,)]


def test_sessions_are_paths_from_the_home_page(query):
    bad = query("""
        SELECT count(*) FROM site_sessions WHERE (position = 0) <> (page = '/home') OR seconds <= 0
    """)
    assert bad == [(0,)]
    gaps = query("""
        SELECT count(*) FROM (
            SELECT session_id FROM site_sessions GROUP BY session_id
            HAVING max(position) + 1 <> count(*) OR count(DISTINCT customer) > 1 OR count(DISTINCT started_at) > 1)
    """)
    assert gaps == [(0,)]


def test_contacts_keep_to_the_consents(query):
    ((contacts, without),) = query("""
        SELECT count(*), count(*) FILTER (WHERE NOT CASE c.channel
            WHEN 'email' THEN f.consent_email WHEN 'phone' THEN f.consent_phone
            WHEN 'post' THEN f.consent_post ELSE f.consent_app END)
        FROM contacts AS c JOIN (SELECT DISTINCT ON (customer) * FROM finances) AS f USING (customer)
    """)
    assert contacts > 500
    assert without == 0


def test_finances_have_one_row_a_snapshot(query):
    assert query("SELECT count(*) FROM finances") == query("SELECT count(*) FROM snapshots")
    ((unassessed,),) = query("SELECT avg((income IS NULL)::INTEGER) FROM finances")
    assert 0.002 < unassessed < 0.03
    assert query("SELECT count(*) FROM finances WHERE (income IS NULL) <> (risk_tolerance IS NULL)") == [(0,)]


def test_the_catalogue_has_sane_bounds(query):
    bad = query("SELECT product FROM products WHERE minimum_age > maximum_age OR risk_level NOT BETWEEN 1 AND 5")
    assert bad == []
