"""What hosts report, as types. Facts read it, plans compare it; None stands for "could not be read"."""

from deploy.state.container import ContainerState, MountState
from deploy.state.engine import (
    EngineState,
    HnsEndpointState,
    HnsNetworkState,
    ImageState,
    NetworkState,
    image_tags,
    names,
)
from deploy.state.reading import Unreadable
from deploy.state.windows import (
    DirectoryState,
    EventState,
    FileState,
    FirewallRuleState,
    RecoveryState,
    RouteState,
    ServiceState,
    WindowsState,
    presence,
)

__all__ = [
    "ContainerState",
    "DirectoryState",
    "EngineState",
    "EventState",
    "FileState",
    "FirewallRuleState",
    "HnsEndpointState",
    "HnsNetworkState",
    "ImageState",
    "MountState",
    "NetworkState",
    "RecoveryState",
    "RouteState",
    "ServiceState",
    "Unreadable",
    "WindowsState",
    "image_tags",
    "names",
    "presence",
]
