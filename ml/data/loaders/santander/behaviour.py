"""What customers and bank did between the snapshots, as interactions: one query a file and month."""

from collections.abc import Mapping
from pathlib import Path

from ml.data.landing_writer import Part
from ml.data.loaders.santander.columns import PAGES
from ml.data.loaders.santander.supplement_files import SupplementFile
from ml.data.loaders.santander.supplements import APPLICATIONS, BEHAVIOUR, CONTACTS, OUTCOMES, SITE_SESSIONS
from ml.data.loaders.santander.survey import Month
from ml.data.sql import literal

LONGEST_SESSION = "INTERVAL 1 DAY"  # one that began before the month may go on in it


def behaviour_parts(
    files: Mapping[str, SupplementFile], month: Month, before: Month | None, code: str
) -> dict[str, Part]:
    """The partitions of a month's events, by the name of their file; a file without rows in it has none.

    Of the test month nothing lands but facts, not even the end of a session that began before it.
    """
    if not month.file.has_products:
        return {}
    contents = {each.name: _content(files[each.name], month, before) for each in BEHAVIOUR if each.name in files}
    days = [str(each.day) for each in (before, month) if each]
    return {
        name: Part("interactions", f"{month.name} {name}", {"loader": code, "days": days, **content})
        for name, content in contents.items()
        if any(content.values())
    }


def _content(file: SupplementFile, month: Month, before: Month | None) -> dict[str, str | None]:
    """A session that began before midnight of the snapshot goes on in the next month."""
    content = {"rows": file.content.get(month.name)}
    if file.supplement is SITE_SESSIONS and before:
        content["before"] = file.content.get(before.name)
    return content


def behaviour(file: SupplementFile, month: Month, before: Month | None, scratch: Path) -> str:
    """SQL of a month's events of one file."""
    now = file.scratch(scratch, month)
    if file.supplement is SITE_SESSIONS:
        return _pages(now, file.scratch(scratch, before), month, before)
    return {CONTACTS.name: _contacts, APPLICATIONS.name: _applications}[file.supplement.name](now)


def _pages(now: str, then: str, month: Month, before: Month | None) -> str:
    """Views of products' pages; other pages are about no item, and only take their time of the session."""
    pages = ", ".join(f"({literal(page)}, {literal(flag)})" for page, flag in PAGES.items())
    end = f"(DATE {literal(month.day)} + 1)"
    begin = f"(DATE {literal(before.day)} + 1)" if before else f"({end} - to_months(1))"
    return f"""
        WITH pages AS (
            SELECT *, started_at + to_microseconds(CAST(1e6 * coalesce(sum(seconds) OVER (
                PARTITION BY session_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS BIGINT)) AS opened_at
            FROM ({now} UNION ALL SELECT * FROM ({then}) WHERE started_at >= {begin} - {LONGEST_SESSION})
        )
        SELECT
            session_id || '-' || position || '-' || event_type AS event_id,
            customer::VARCHAR AS user_id,
            session_id,
            item_id,
            event_type,
            opened_at + to_microseconds(step) AS occurred_at,
            CASE WHEN event_type = 'view' THEN seconds END AS seconds
        FROM pages
        JOIN (VALUES {pages}) AS products (page, item_id) USING (page)
        CROSS JOIN (VALUES ('view', 0), ('calculate', 1), ('start_application', 2)) AS steps (event_type, step)
        WHERE opened_at >= {begin} AND opened_at < {end} AND CASE event_type
            WHEN 'calculate' THEN calculator WHEN 'start_application' THEN link = 'apply' ELSE true END
    """


def _contacts(now: str) -> str:
    return f"""
        SELECT concat_ws('-', customer, epoch_us("at"), product, 'contact') AS event_id, customer::VARCHAR AS user_id,
            product AS item_id, 'contact' AS event_type, "at" AS occurred_at, channel
        FROM ({now})
    """


def _applications(now: str) -> str:
    """An application, and what became of it a microsecond later: the file tells of no time of its own for that."""
    outcomes = ", ".join(f"({literal(outcome)}, {literal(event)}, 1)" for outcome, event in OUTCOMES.items())
    return f"""
        SELECT concat_ws('-', customer, epoch_us("at"), product, event_type) AS event_id,
            customer::VARCHAR AS user_id, product AS item_id, event_type,
            "at" + to_microseconds(step) AS occurred_at
        FROM ({now}) AS applications
        JOIN (VALUES (NULL, 'apply', 0), {outcomes}) AS steps (became, event_type, step)
            ON became IS NULL OR became = outcome
    """
