"""An SPDX 2.3 bill of materials from dpkg's list and the archive's index.

usage: bill.py NAME VERSION EPOCH PACKAGES INDEX
"""
import datetime
import json
import sys

name, version, epoch, packages, index = sys.argv[1:]
made = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
digests = {}
with open(index, encoding="utf-8") as lines:
    for line in lines:
        package, package_version, digest = line.split()
        digests[package, package_version] = digest


def described(line):
    package, package_version, architecture, source, source_version = line.split()
    entry = {
        "SPDXID": "SPDXRef-" + package.replace("+", "-plus").replace("_", "-"),
        "name": package,
        "versionInfo": package_version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"Debian source {source} {source_version}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{package}@{package_version}?arch={architecture}",
        }],
    }
    if (package, package_version) in digests:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": digests[package, package_version]}]
    return entry


with open(packages, encoding="utf-8") as lines:
    listed = [described(line) for line in lines]
own = {
    "SPDXID": "SPDXRef-postern",
    "name": "postern",
    "versionInfo": version,
    "downloadLocation": "NOASSERTION",
    "filesAnalyzed": False,
    "licenseConcluded": "GPL-2.0-or-later",
    "licenseDeclared": "GPL-2.0-or-later",
    "copyrightText": "NOASSERTION",
}
json.dump({
    "spdxVersion": "SPDX-2.3",
    "dataLicense": "CC0-1.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": name,
    "documentNamespace": f"urn:postern:image:{version}:{epoch}",
    "creationInfo": {"created": made, "creators": ["Tool: image/build"]},
    "packages": [own] + listed,
    "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-postern"}] +
                     [{"spdxElementId": "SPDXRef-postern", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": entry["SPDXID"]}
                      for entry in listed],
}, sys.stdout, indent=1)
