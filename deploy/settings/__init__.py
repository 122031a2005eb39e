"""What is wanted of a host: frozen models, checked as a whole before any host is touched."""

from deploy.settings.access import AuthoritySettings, RegistryTls, RulesSettings, TrustSettings
from deploy.settings.engine import EngineSettings, RecoverySettings, ServiceSettings
from deploy.settings.engine_options import EngineOptions
from deploy.settings.errors import SettingsErrors, validate, validate_all
from deploy.settings.image import ImageSettings, base_image
from deploy.settings.lab import LabSettings
from deploy.settings.merge import deep_merge
from deploy.settings.network import NetworkSettings
from deploy.settings.registry import ProofSettings, RegistrySettings
from deploy.settings.rollout import RolloutSettings

__all__ = [
    "AuthoritySettings",
    "EngineOptions",
    "EngineSettings",
    "ImageSettings",
    "LabSettings",
    "NetworkSettings",
    "ProofSettings",
    "RecoverySettings",
    "RegistrySettings",
    "RegistryTls",
    "RolloutSettings",
    "RulesSettings",
    "ServiceSettings",
    "SettingsErrors",
    "TrustSettings",
    "base_image",
    "deep_merge",
    "validate",
    "validate_all",
]
