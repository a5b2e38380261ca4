# Debian 13 trees, made by mmdebstrap from the mirrors that this machine's own apt uses. No host is named here.
# shellcheck shell=bash

catalogue=$cache/catalogue

# The sources of $suite on this machine's mirrors, in the form of sources.list.
debian_sources() {
    local label uri release signed
    apt-get indextargets --format '$(LABEL)|$(REPO_URI)|$(RELEASE)|$(SIGNED_BY)' 'Created-By: Packages' |
        while IFS='|' read -r label uri release signed; do
            case $label:$release in
                Debian:*-updates) echo "deb $uri $suite-updates main" ;;
                Debian:*-security | Debian-Security:*) echo "deb $uri $suite-security main" ;;
                Debian:*-*) ;;
                Debian:*) echo "deb $uri $suite main" ;;
            esac
        done | sort -u
}

# How this machine's apt reaches its mirrors: proxies, time outs, credentials.
apt_options() { apt-config dump | grep -E '^(Acquire::(http|https|ftp|Check|Max|Retries|ForceIPv|Proxy)|Dir::Etc::netrc)' | grep -v ' "";$' || true; }

# An index of $suite beside this machine's own, to ask what it offers. Renewed once a day.
make_catalogue() {
    [ -n "$(debian_sources)" ] ||
        die "this machine's apt knows no Debian mirror" "apt-get indextargets lists none whose label is Debian: see /etc/apt/sources.list.d"
    mkdir -p "$catalogue"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
    : >"$catalogue/status"
    apt_options >"$catalogue/options"
    debian_sources >"$catalogue/etc/sources.list"
    {
        cat "$catalogue/options"
        printf 'Dir::State "%s/state";\nDir::State::status "%s/status";\nDir::Cache "%s/cache";\n' "$catalogue" "$catalogue" "$catalogue"
        printf 'Dir::Etc::sourcelist "%s/etc/sources.list";\nDir::Etc::sourceparts "-";\n' "$catalogue"
        printf 'Dir::Etc::preferencesparts "%s/etc/preferences.d";\n' "$catalogue"
        printf 'APT::Architecture "%s";\nAPT::Architectures { "%s"; };\n' $architecture $architecture
        printf 'Acquire::Languages "none";\n'
    } >"$catalogue/apt.conf"
    if [ -z "$(find "$catalogue/fresh" -mmin -1440 2>/dev/null)" ] || ! cmp -s "$catalogue/etc/sources.list" "$catalogue/fresh"; then
        quietly catalogue env APT_CONFIG="$catalogue/apt.conf" apt-get update -qq -o APT::Update::Error-Mode=any
        cp "$catalogue/etc/sources.list" "$catalogue/fresh"
    fi
    # One dump, asked often: name, version, size, SHA-256.
    APT_CONFIG=$catalogue/apt.conf apt-cache dumpavail |
        awk '/^Package: /{p=$2} /^Version: /{v=$2} /^SHA256: /{s=$2} /^$/{if (p) print p, v, s; p=""}' | sort >"$catalogue/packages"
}

# The packages of the lists NAME... as $suite calls them.
packages_of() {
    local alternatives package chosen
    requirements "$@" | while read -r alternatives; do
        chosen=
        for package in $alternatives; do
            if grep -q "^$package " "$catalogue/packages"; then chosen=$package; break; fi
        done
        [ -n "$chosen" ] || die "Debian $suite offers none of: $alternatives" "mend the list in image/packages/"
        echo "$chosen"
    done | sort -u
}

# make_tree NAME VARIANT LIST...: $cache/trees/NAME with the lists' packages. Kept until their list or a version changes.
make_tree() {
    local name=$1 variant=$2 folder=$cache/trees/$1 packages made
    shift 2
    packages=$(packages_of "$@")
    made=$( { echo "$name $variant $suite"; debian_sources
              grep -F -x -f <(join <(echo "$packages") <(cut -d' ' -f1,2 "$catalogue/packages" | sort)) \
                  <(cut -d' ' -f1,2 "$catalogue/packages"); } | digest_of)
    if is_made "$folder" "$made"; then say "tree $name: as it was"; return; fi
    say "tree $name: $(echo "$packages" | wc -l) packages and what they need"
    rm -rf "$folder" "$folder.made"
    mkdir -p "$cache/trees"
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=()
    [ -r $keyring ] || die "$keyring is missing" "apt-get install debian-archive-keyring"
    [ ! -s "$catalogue/options" ] || options=(--aptopt="$catalogue/options")
    # No package of a tree may write to this machine, start a service, or leave time stamps of today.
    quietly "tree-$name" mmdebstrap --mode=root --variant="$variant" --architectures=$architecture \
        --keyring="$keyring" "${options[@]}" --include="$(echo "$packages" | paste -sd,)" \
        --aptopt='Apt::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        "$suite" "$folder" "$catalogue/etc/sources.list"
    mark_made "$folder" "$made"
}
