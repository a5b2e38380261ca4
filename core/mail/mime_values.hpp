// What stands inside the Content- fields of one entity, and its transfer encodings, by GMime: RFC 2045, 2183, 2231.
//
// Values; no I/O; any thread; never fails. GMime's handles do not leave mime_values.cpp.
#pragma once

#include "mail/mime.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace postern::mail {

/// The fields as they stand, folded and maybe hostile; empty: none. Of several of one name the first.
struct ContentFields {
    std::string_view type;
    std::string_view disposition;
    std::string_view encoding;
    bool repeated = false;  ///< one of them stands there more than once
};

struct ContentValues {
    std::string type = "text/plain";  ///< lower case
    std::string charset;              ///< lower case
    std::string boundary;             ///< of multiparts
    std::string name;                 ///< without folders; at most `longest_name` bytes
    bool attached = false;            ///< Content-Disposition: attachment
    Part::Encoding encoding = Part::Encoding::none;
    bool malformed = false;
};

/// Reads at most 8 KiB of each field; more is malformed.
[[nodiscard]] ContentValues read_content_fields(const ContentFields& fields, std::size_t longest_name);

/// A file's name as it stands, decoded, to what a program would store: without folders, at most `longest` bytes.
[[nodiscard]] std::string clean_name(std::string_view raw, std::size_t longest);

/// Hands the decoded bytes to `take`, piece by piece, until it says false. Says whether programs would read the
/// encoding alike: padding within base64 is where they part.
bool decode_body(std::string_view body, Part::Encoding encoding, const std::function<bool(std::string_view)>& take);
/// Base 64 as those programs read it that begin anew behind padding.
[[nodiscard]] std::string decode_behind_padding(std::string_view body);

}  // namespace postern::mail
