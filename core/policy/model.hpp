// The typed documents: what each file of a policy says, before files are held against each other.
//
// Made by the readers (one for each kind of file), kept by the loader for as long as the file does not change,
// compiled into a snapshot. Immutable once read; shared between generations.
#pragma once

#include "policy/condition.hpp"
#include "policy/document.hpp"
#include "policy/source.hpp"
#include "policy/text_template.hpp"
#include "vocabulary/next_hop.hpp"
#include "vocabulary/node.hpp"
#include "vocabulary/organisation.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::policy {

/// A file that a policy names: it must be there and readable.
struct NamedFile {
    std::string path;
    Place place;
};

/// An entry of an organisation's `domains`; exactly one of the three forms.
struct DomainEntry {
    std::optional<mail::Domain> outside;
    std::optional<mail::Domain> secure;  ///< declared, not derived from the suffix
    std::string label;
    Place place;
};

struct OrganisationFile {
    vocabulary::Organisation organisation;  ///< without `domains`: these need the suffix
    std::vector<DomainEntry> domains;
    std::vector<Place> administrators;  ///< of each of organisation.administrators
    std::vector<Place> networks;        ///< of each of connects_from.networks
    Place id;
    Place proof;  ///< connects_from
    Place deliver_to;
    std::vector<NamedFile> named_files;
};

struct CommunityPart {
    std::optional<mail::Domain> suffix;
    Place suffix_place;
    std::optional<mail::Address> operator_address;
    Place operator_place;
    bool carry_redirects = false;
    unsigned redirect_hops = 5;
};

struct RouteRule {
    std::string name;
    Place place;
    When when;
    vocabulary::NextHop next_hop;
};

struct RoutingFile {
    CommunityPart community;
    vocabulary::RetrySchedule retry;
    std::vector<RouteRule> routes;
    std::vector<NamedFile> named_files;
};

struct TagRule {
    std::string name;
    Place place;
    When when;
    std::string subject_prefix;
    bool once = true;
    bool remove_on_entry = false;
    std::vector<std::pair<std::string, TextTemplate>> add_headers;
    std::vector<std::string> remove_headers;
};

struct TaggingFile {
    std::vector<TagRule> tags;
};

struct LimitRule {
    std::string name;
    Place place;
    When when;
    std::uint64_t message_size = 0;  ///< bytes
};

struct LimitsFile {
    std::uint64_t message_size = 10ULL << 20;  ///< bytes
    unsigned recipients = 200;
    std::vector<LimitRule> limits;
};

struct NodeFile {
    vocabulary::Node node;
    std::vector<NamedFile> named_files;
};

}  // namespace postern::policy
