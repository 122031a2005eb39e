"""Compare what is wanted with what is there. Pure: no host, no pyinfra, no clock."""

from deploy.plan.container import container_wanted, plan_container
from deploy.plan.directory import plan_directory
from deploy.plan.engine import EngineFound, EnginePlan, config_path, plan_engine
from deploy.plan.firewall import plan_firewall
from deploy.plan.host import plan_host
from deploy.plan.image import plan_image
from deploy.plan.network import plan_network
from deploy.plan.running import differences
from deploy.plan.service import plan_service

__all__ = [
    "EngineFound",
    "EnginePlan",
    "config_path",
    "container_wanted",
    "differences",
    "plan_container",
    "plan_directory",
    "plan_engine",
    "plan_firewall",
    "plan_host",
    "plan_image",
    "plan_network",
    "plan_service",
]
