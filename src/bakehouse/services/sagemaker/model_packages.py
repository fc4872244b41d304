"""SageMaker's operations on model packages and their groups."""

from __future__ import annotations

from functools import partial

from bakehouse.faults import NotFound
from bakehouse.registry import ModelPackages, Tags
from bakehouse.registry.packages import Group, Package
from bakehouse.services.sagemaker.listing import Row, page
from bakehouse.services.sagemaker.package_shapes import (
    changes_from_request,
    group_from_request,
    group_to_response,
    group_to_summary,
    package_from_request,
    package_to_response,
    package_to_summary,
)
from bakehouse.services.sagemaker.tags import first_tags
from bakehouse.wire.types import Call, Operation, Params


def operations(packages: ModelPackages, tags: Tags) -> dict[str, Operation]:
    """Operation name → what does it, for all that concerns the registry."""
    door = _Door(packages, tags)
    return {
        "CreateModelPackageGroup": door.create_group,
        "DescribeModelPackageGroup": door.describe_group,
        "ListModelPackageGroups": door.list_groups,
        "DeleteModelPackageGroup": door.delete_group,
        "CreateModelPackage": door.create_package,
        "DescribeModelPackage": door.describe_package,
        "UpdateModelPackage": door.update_package,
        "ListModelPackages": door.list_packages,
        "DeleteModelPackage": door.delete_package,
    }


def find_package(packages: ModelPackages, spoken: str) -> Package:
    """The package that a caller means.

    Args:
        packages: where to look.
        spoken: ``name``, ``group/version``, or an ARN with one of these at its end.

    Raises:
        NotFound: there is none, or the ARN is of another region or account.
    """
    is_arn = spoken.startswith("arn:")
    path = spoken.partition(":model-package/")[2] if is_arn else spoken
    name, _, version = path.partition("/")
    number = int(version) if version.isdecimal() else None
    if is_arn and packages.package_arn(name, number) != spoken.lower():
        raise NotFound("model package", spoken)
    return packages.package(name, number)


def find_group(packages: ModelPackages, spoken: str) -> Group:
    """The group that a caller means by its name or ARN; NotFound as above."""
    name = spoken.rpartition("/")[2]
    if spoken.startswith("arn:") and packages.group_arn(name) != spoken.lower():
        raise NotFound("model package group", spoken)
    return packages.group(name)


class _Door:
    """The operations, over one :class:`ModelPackages`."""

    def __init__(self, packages: ModelPackages, tags: Tags) -> None:
        self._packages, self._tags = packages, tags

    # Groups

    async def create_group(self, call: Call, params: Params) -> Params:
        group = group_from_request(call, params)
        arn = self._packages.group_arn(group.name)
        await self._packages.create_group(group, first_tags(self._tags, arn, params))
        return {"ModelPackageGroupArn": arn}

    async def describe_group(self, call: Call, params: Params) -> Params:
        group = find_group(self._packages, params["ModelPackageGroupName"])
        return group_to_response(group, self._packages.group_arn(group.name))

    async def list_groups(self, call: Call, params: Params) -> Params:
        rows = [
            Row(
                group.name,
                group.created_ms,
                partial(group_to_summary, group, self._packages.group_arn(group.name)),
            )
            for group in self._packages.groups()
            if params.get("CrossAccountFilterOption") != "CrossAccount"  # nobody shares any
        ]
        return page(params, "ModelPackageGroupSummaryList", rows, order="Ascending")

    async def delete_group(self, call: Call, params: Params) -> Params:
        group = find_group(self._packages, params["ModelPackageGroupName"])
        arn = self._packages.group_arn(group.name)
        await self._packages.delete_group(group.name, self._tags.gone(arn))
        return {}

    # Packages

    async def create_package(self, call: Call, params: Params) -> Params:
        package = package_from_request(call, params)
        if "ModelPackageGroupName" in params:
            group = find_group(self._packages, package.name)
            made = await self._packages.create_version(group.name, package)
        else:
            arn = self._packages.package_arn(package.name)
            made = await self._packages.create(package, first_tags(self._tags, arn, params))
        return {"ModelPackageArn": self._arn(made)}

    async def describe_package(self, call: Call, params: Params) -> Params:
        package = find_package(self._packages, params["ModelPackageName"])
        return package_to_response(package, self._arn(package))

    async def update_package(self, call: Call, params: Params) -> Params:
        package = find_package(self._packages, params["ModelPackageArn"])
        await self._packages.change(changes_from_request(call, package, params))
        return {"ModelPackageArn": self._arn(package)}

    async def list_packages(self, call: Call, params: Params) -> Params:
        approval = params.get("ModelApprovalStatus")
        rows = [
            Row(
                package.name,
                package.created_ms,
                partial(package_to_summary, package, self._arn(package)),
                key=package.key,
            )
            for package in self._wanted(params)
            if approval in (None, package.given.get("ModelApprovalStatus"))
        ]
        return page(params, "ModelPackageSummaryList", rows, order="Ascending")

    def _wanted(self, params: Params) -> list[Package]:
        """The packages of the group that is named, or else of a type: the unversioned ones."""
        if "ModelPackageGroupName" in params:
            group = find_group(self._packages, params["ModelPackageGroupName"])
            return self._packages.versions(group.name)
        wanted = params.get("ModelPackageType", "Unversioned")
        kinds = {"Versioned": (True,), "Unversioned": (False,), "Both": (True, False)}[wanted]
        found = self._packages.packages()
        return [package for package in found if (package.version is not None) in kinds]

    async def delete_package(self, call: Call, params: Params) -> Params:
        package = find_package(self._packages, params["ModelPackageName"])
        await self._packages.delete(package, self._tags.gone(self._arn(package)))
        return {}

    def _arn(self, package: Package) -> str:
        return self._packages.package_arn(package.name, package.version)
