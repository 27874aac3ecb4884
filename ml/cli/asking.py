"""What the champion says of users and items."""

from typing import Annotated, Any

import typer

from ml.cli import output
from ml.cli.options import (
    ChannelOption,
    DomainOption,
    InterestOption,
    JsonOption,
    KOption,
    OutputsOption,
    SeedOption,
    TemperOption,
)
from ml.domains import DEFAULT_DOMAIN
from ml.errors import BadInput

asking = typer.Typer()

TEMPERS = {None: None, True: "conservative", False: "tolerant"}


def _chosen(
    channel: str | None, conservative: bool | None, interest: list[str] | None, outputs: str | None
) -> dict[str, Any]:
    """How a slate is asked for, as the steps take it."""
    return {"channel": channel, "risk": TEMPERS[conservative], "interests": interest or (), "outputs": outputs}


@asking.command(
    epilog="Examples: `slate recommend --user 900 --interest COFFEE` · `slate recommend --user 16351 --domain banking --outputs owned`"
)
def recommend(
    user: Annotated[str, typer.Option(help="Identifier of the user; an unknown one gets what is popular.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    k: KOption = 10,
    channel: ChannelOption = None,
    conservative: TemperOption = None,
    interest: InterestOption = None,
    outputs: OutputsOption = None,
    json: JsonOption = False,
) -> None:
    """The champion's slate for one user, after all rules."""
    from ml import steps

    chosen = _chosen(channel, conservative, interest, outputs)
    output.emit(steps.recommend(domain, user, k, **chosen), json, output.slate)


@asking.command(epilog="Example: `slate explain --user 900 --item 1095275`")
def explain(
    user: Annotated[str, typer.Option(help="Identifier of the user.")],
    item: Annotated[str, typer.Option(help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    channel: ChannelOption = None,
    conservative: TemperOption = None,
    interest: InterestOption = None,
    outputs: OutputsOption = None,
    json: JsonOption = False,
) -> None:
    """Why the champion shows an item to a user, or does not: ranks, steps and rules with their facts."""
    from ml import steps

    chosen = _chosen(channel, conservative, interest, outputs)
    output.emit(steps.explain(domain, user, item, **chosen), json, output.explained)


@asking.command(
    epilog="Examples: `slate eligibility --domain banking` · `slate eligibility --domain banking --channel email`"
)
def eligibility(domain: DomainOption = DEFAULT_DOMAIN, channel: ChannelOption = None, json: JsonOption = False) -> None:
    """Who may be offered what, of all users and items: Parquet, and how many each rule forbids."""
    from ml import steps

    output.emit(steps.eligibility(domain, channel), json, output.eligibility)


@asking.command(
    epilog="Examples: `slate package --user 16351 --domain banking` · `slate package --all --domain banking`"
)
def package(
    user: Annotated[str | None, typer.Option(help="Identifier of the user.")] = None,
    every: Annotated[bool, typer.Option("--all", help="For every known user, as Parquet and CSV.")] = False,
    domain: DomainOption = DEFAULT_DOMAIN,
    reminders: Annotated[int, typer.Option(min=0, max=100, help="Items that the user has or looked at.")] = 5,
    discoveries: Annotated[int, typer.Option(min=0, max=100, help="Items that the user never met.")] = 5,
    json: JsonOption = False,
) -> None:
    """What to remind one user of, and what to show for the first time; or the same for everybody."""
    from ml import steps

    if (user is None) != every:
        raise BadInput("a package is for one user or for everybody: give --user or --all")
    if user is None:
        output.emit(steps.package_all(domain, reminders, discoveries), json, output.fields("Packages"))
        raise typer.Exit
    output.emit(steps.package(domain, user, reminders, discoveries), json, output.package)


@asking.command(
    "contact-list",
    epilog="Example: `slate contact-list --product ind_nomina_ult1 --share 0.10 --channel email --domain banking`",
)
def contact_list(
    item: Annotated[str, typer.Option("--product", "--item", help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    share: Annotated[float, typer.Option(help="Share of those who may be told, from 0 to 1.")] = 0.1,
    channel: Annotated[
        str | None, typer.Option(help="Through which they are told; default: any that each user agreed to.")
    ] = None,
    seed: SeedOption = 7,
    force: Annotated[bool, typer.Option(help="Write a list that passes a limit of fairness; needs a reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why the limit is overruled.")] = None,
    json: JsonOption = False,
) -> None:
    """The users likeliest to want an item before they ask for it, with reasons, and a control group held back."""
    from ml import steps

    result = steps.contact_list(domain, item, share, channel, seed=seed, force=force, reason=reason)
    output.emit(result, json, output.fields("Contact list"))


@asking.command(epilog="Example: `slate similar --item 1095275`")
def similar(
    item: Annotated[str, typer.Option(help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    k: KOption = 10,
    json: JsonOption = False,
) -> None:
    """Items nearest to one item."""
    from ml import steps

    output.emit(steps.similar(domain, item, k), json, output.slate)
