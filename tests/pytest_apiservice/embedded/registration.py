"""Which API the chart's values register."""

from pathlib import Path

import yaml

from pytest_apiservice.base.errors import HarnessError

DEFAULT_GROUP, DEFAULT_VERSIONS = "cats.example.com", ["v1"]  # those of extension-apiserver's settings


def registration(values: Path) -> tuple[str, list[str]]:
    """Return the group and the versions that the chart's values in the file ``values`` say; without a file the library's.

    Raises:
        HarnessError: it cannot be read, or is no YAML of values.
    """
    try:
        service = (yaml.safe_load(values.read_text()) or {}).get("apiService") or {}
        versions = [str(each["name"]) for each in service.get("versions") or []]
        return str(service.get("group") or DEFAULT_GROUP), versions or DEFAULT_VERSIONS
    except FileNotFoundError:
        return DEFAULT_GROUP, DEFAULT_VERSIONS
    except (AttributeError, TypeError, KeyError):
        example = "apiService: {group: zoo.example.com, versions: [{name: v1}]}"
        raise HarnessError(f"{values} is no values file of the chart: write '{example}'") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise HarnessError(f"{values} is no values file of the chart: {' '.join(str(error).split())}") from None
