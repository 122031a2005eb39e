"""Every setting can be given, and not only left at its default.

A check named like the field it checks is shadowed, inside the class, by the field's default: pydantic then
calls a text, and only when the setting is given.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import deploy.settings as package


def fields() -> list[Any]:
    models = [
        model for _, model in inspect.getmembers(package, inspect.isclass) if issubclass(model, BaseModel)
    ]
    return [
        pytest.param(model, field.alias or name, field.default, id=f"{model.__name__}.{field.alias or name}")
        for model in models
        for name, field in model.model_fields.items()
        if not field.is_required()
    ]


@pytest.mark.parametrize(("model", "name", "default"), fields())
def test_a_setting_may_be_given_as_it_is_by_default(
    model: type[BaseModel], name: str, default: object
) -> None:
    required = {"directory": "C:\\certs"} if model is package.RegistryTls else {}

    given = model.model_validate({**required, name: default})

    assert given == model.model_construct(**dict(given))


@pytest.mark.parametrize(("model", "name", "_"), fields())
def test_a_setting_that_makes_no_sense_is_refused_and_not_stumbled_over(
    model: type[BaseModel], name: str, _: object
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate({name: object()})


def test_a_name_for_clients_can_be_given() -> None:
    registry = package.RegistrySettings(dns_name="registry.class.lan")

    assert registry.addresses == ["172.24.194.96:5000", "registry.class.lan:5000"]
