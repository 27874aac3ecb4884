"""What the music service exports: a file of its tracks, and a file a day of what its listeners did.

Each listener keeps to one of a few scenes, which no file names and which have tracks of every genre: a recommender
that learns from who saved what beats what is popular. The days are the same whenever they are written.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

FIRST_DAY, DAYS = date(2025, 1, 6), 56
GENRES, MOODS = ("jazz", "rock", "folk", "techno"), ("calm", "loud")
SCENES, TRACKS_A_SCENE, LISTENERS, EVENTS_A_DAY = 4, 16, 48, 40
HEADER = ("at", "listener", "track", "action", "seconds")
LISTENER = "listener 00"

Row = tuple[str, ...]


def export(folder: Path) -> None:
    """Write the tracks, and every day's file."""
    (folder / "days").mkdir(parents=True)
    tracks = [track for scene in range(SCENES) for track in tracks_of(scene)]
    rows = [(track, f"Song {track}", GENRES[n % len(GENRES)], MOODS[n % len(MOODS)]) for n, track in enumerate(tracks)]
    write(folder / "tracks.csv", ("track", "title", "genre", "mood"), rows)
    taken: set[tuple[str, str]] = set()
    for number in range(DAYS):
        write_day(folder, FIRST_DAY + timedelta(days=number), events(number, taken))


def tracks_of(scene: int) -> list[str]:
    """The tracks of a scene."""
    return [f"track {scene * TRACKS_A_SCENE + number:02}" for number in range(TRACKS_A_SCENE)]


def events(number: int, taken: set[tuple[str, str]] | None = None) -> list[Row]:
    """What happened on the day of this number; `taken`, the (listener, track) pairs saved so far, grows.

    A listener plays a track, skips it now and then, or else saves it, each track once.
    """
    draw = random.Random(number)
    taken = set() if taken is None else taken
    found: list[Row] = []
    while len(found) < EVENTS_A_DAY:
        listener = draw.randrange(LISTENERS)
        track, who = draw.choice(tracks_of(listener % SCENES)), f"listener {listener:02}"
        at = datetime.combine(FIRST_DAY, time(8)) + timedelta(days=number, minutes=draw.randrange(14 * 60))
        found.append((at.isoformat(), who, track, "play", str(draw.randrange(60, 300))))
        if draw.random() < 0.1:
            found.append(((at + timedelta(minutes=1)).isoformat(), who, track, "skip", ""))
        elif (who, track) not in taken:
            taken.add((who, track))
            found.append(((at + timedelta(minutes=2)).isoformat(), who, track, "save", ""))
    return found


def write_day(folder: Path, day: date, rows: Sequence[Row]) -> None:
    """Write one day's file, in place of what it held."""
    write(folder / "days" / f"{day}.csv", HEADER, rows)


def write(path: Path, header: Row, rows: Iterable[Row]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
