"""Cmdlets over the firewall and the routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rehearsal.cmdlets.cim import CIM_EXCEPTION
from rehearsal.cmdlets.hns import networks
from rehearsal.cmdlets.objects import matches
from rehearsal.firewall import Rule
from rehearsal.interfaces import WindowsError
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsEnum, PsError, PsObject, Value

NAME = Parameter("Name", "texts", 0, aliases=("ID",), pipeline="property")
TITLE = Parameter("DisplayName")
CHANGES = (
    Parameter("Direction", choices=("Inbound", "Outbound")),
    Parameter("Action", choices=("Allow", "Block", "NotConfigured")),
    Parameter("Enabled", choices=("True", "False")),
    Parameter("Protocol"),
    Parameter("LocalPort", "texts"),
    Parameter("Profile", "texts"),
)
RULE, FILTER, ROUTE = (
    f"Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/{name}"
    for name in ("MSFT_NetFirewallRule", "MSFT_NetProtocolPortFilter", "MSFT_NetRoute")
)


@cmdlet("Get-NetFirewallRule", NAME, TITLE)
def get_net_firewall_rule(context: Context, bound: Bound) -> Iterator[Value]:
    """Show rules."""
    yield from map(_rule_object, _found(context, bound))


@cmdlet("Get-NetFirewallPortFilter", Parameter("AssociatedNetFirewallRule", "any", pipeline="value"))
def get_net_firewall_port_filter(context: Context, bound: Bound) -> Iterator[Value]:
    """Show the ports of rules."""
    given = bound.input if bound.input is not None else [bound["AssociatedNetFirewallRule"]]
    names = [str(item.get("Name")) for item in given if isinstance(item, PsObject)]
    for rule in context.host.firewall.rules():
        if rule.name in names:
            ports = list(rule.ports) or ["Any"]
            properties: dict[str, Value] = {
                "InstanceID": rule.name,
                "Protocol": rule.protocol,
                "LocalPort": ports if len(ports) > 1 else ports[0],
                "RemotePort": "Any",
            }
            yield PsObject(
                FILTER, properties, text=f'MSFT_NetProtocolPortFilter (InstanceID = "{rule.name}")'
            )


@cmdlet("New-NetFirewallRule", Parameter("Name"), Parameter("DisplayName", required=True), *CHANGES)
def new_net_firewall_rule(context: Context, bound: Bound) -> Iterator[Value]:
    """Add a rule."""
    rule = _changed(Rule(bound["Name"] or bound["DisplayName"], bound["DisplayName"]), bound)
    try:
        context.host.firewall.add(rule)
    except WindowsError as error:
        text = "HRESULT 0x800700b7,New-NetFirewallRule"
        context.error(PsError(error.message, text, "ResourceExists", CIM_EXCEPTION, activity=context.command))
        return
    context.host.changed(f"firewall rule {rule.name} added")
    yield _rule_object(rule)


@cmdlet("Set-NetFirewallRule", NAME, TITLE, Parameter("NewDisplayName"), *CHANGES)
def set_net_firewall_rule(context: Context, bound: Bound) -> Iterator[Value]:
    """Change rules."""
    for rule in _found(context, bound):
        changed = _changed(rule, bound)
        if bound["NewDisplayName"]:
            changed = replace(changed, title=bound["NewDisplayName"])
        context.host.firewall.replace(changed)
        context.host.changed(f"firewall rule {rule.name} changed")
    yield from ()


@cmdlet("Remove-NetFirewallRule", NAME, TITLE)
def remove_net_firewall_rule(context: Context, bound: Bound) -> Iterator[Value]:
    """Take rules away."""
    for rule in _found(context, bound):
        context.host.firewall.remove(rule.name)
        context.host.changed(f"firewall rule {rule.name} removed")
    yield from ()


def _found(context: Context, bound: Bound) -> Iterator[Rule]:
    rules = context.host.firewall.rules()
    if "DisplayName" in bound:
        wanted, key, property_name = [bound["DisplayName"]], "title", "DisplayName"
    else:
        piped = [str(item.get("Name")) for item in bound.input or [] if isinstance(item, PsObject)]
        wanted, key, property_name = (
            bound["Name"] or (piped if bound.input is not None else ["*"]),
            "name",
            "InstanceID",
        )
    for pattern in wanted:
        found = [rule for rule in rules if matches(pattern, getattr(rule, key))]
        if not found and "*" not in pattern:
            context.error(_no_rule(context, property_name, pattern))
        yield from found


def _changed(rule: Rule, bound: Bound) -> Rule:
    if bound["Direction"]:
        rule = replace(rule, inbound=bound["Direction"] == "Inbound")
    if bound["Action"]:
        rule = replace(rule, allow=bound["Action"] == "Allow")
    if bound["Enabled"]:
        rule = replace(rule, enabled=bound["Enabled"] == "True")
    if bound["Protocol"]:
        known = {"6": "TCP", "17": "UDP", "any": "Any"}
        rule = replace(rule, protocol=known.get(bound["Protocol"].casefold(), bound["Protocol"].upper()))
    if bound["LocalPort"]:
        rule = replace(rule, ports=_ports(bound["LocalPort"]))
    return rule


def _ports(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(port for port in given if port.casefold() != "any")


def _rule_object(rule: Rule) -> PsObject:
    properties: dict[str, Value] = {
        "Name": rule.name,
        "ID": rule.name,
        "InstanceID": rule.name,
        "DisplayName": rule.title,
        "Enabled": PsEnum("True", 1) if rule.enabled else PsEnum("False", 2),
        "Profile": PsEnum("Any", 0),
        "Direction": PsEnum("Inbound", 1) if rule.inbound else PsEnum("Outbound", 2),
        "Action": PsEnum("Allow", 2) if rule.allow else PsEnum("Block", 4),
    }
    shown = ("Name", "DisplayName", "Enabled", "Profile", "Direction", "Action")
    return PsObject(
        RULE, properties, text=f'MSFT_NetFirewallRule (InstanceID = "{rule.name}")', default_display=shown
    )


@cmdlet(
    "Get-NetRoute",
    Parameter("DestinationPrefix", "texts", 0),
    Parameter("AddressFamily", choices=("IPv4", "IPv6")),
    Parameter("InterfaceAlias", "texts"),
)
def get_net_route(context: Context, bound: Bound) -> Iterator[Value]:
    """Show routes: the host's own network, and one for each network of the engine."""
    if bound["AddressFamily"] == "IPv6":
        return
    for prefix, alias, index, hop in _routes(context):
        if bound["DestinationPrefix"] and prefix not in bound["DestinationPrefix"]:
            continue
        if bound["InterfaceAlias"] and not any(matches(name, alias) for name in bound["InterfaceAlias"]):
            continue
        properties: dict[str, Value] = {
            "DestinationPrefix": prefix,
            "InterfaceAlias": alias,
            "ifIndex": index,
            "NextHop": hop,
            "RouteMetric": 256,
            "AddressFamily": PsEnum("IPv4", 2),
        }
        shown = ("ifIndex", "DestinationPrefix", "NextHop", "RouteMetric")
        yield PsObject(ROUTE, properties, text="MSFT_NetRoute", default_display=shown)


def _routes(context: Context) -> Iterator[tuple[str, str, int, str]]:
    number = context.host.number
    yield "0.0.0.0/0", "Ethernet", 4, "10.77.0.1"
    yield "10.77.0.0/16", "Ethernet", 4, "0.0.0.0"  # noqa: S104 - "on this link" in a routing table
    yield f"10.77.{number // 250}.{number % 250 + 2}/32", "Ethernet", 4, "0.0.0.0"  # noqa: S104
    yield "127.0.0.0/8", "Loopback Pseudo-Interface 1", 1, "0.0.0.0"  # noqa: S104
    for position, network in enumerate(networks(context.host)):
        for subnet in network.get("Subnets", []):
            yield str(subnet["AddressPrefix"]), (f"vEthernet ({network['Name']})"), 20 + position, "0.0.0.0"  # noqa: S104


def _no_rule(context: Context, property_name: str, wanted: str) -> PsError:
    return PsError(
        f"No MSFT_NetFirewallRule objects found with property '{property_name}' equal to "
        f"'{wanted}'.  Verify the "
        "value of the property and retry.",
        f"CmdletizationQuery_NotFound_{property_name},{context.command}",
        "ObjectNotFound",
        "Microsoft.PowerShell.Cmdletization.Cim.CimJobException",
        target=wanted,
        activity=context.command,
    )
