---@meta postern
-- What scripts of a policy see. For editors (Lua language server); nothing of this is run.
--
-- Made from the engine's own table: a test compares the two. A rule's script returns a function:
--
--     ---@param message postern.Message
--     ---@return boolean|postern.Action|postern.Action[]|nil
--     return function(message) ... end
--
-- A script of alerts.yaml is asked about an event instead: `---@param event postern.Event`.
--
-- true or false: whether the rule's own effect applies; nil is false. One action or a list of actions: what is ordered
-- for this recipient; the rule's `may` must name them. Lua 5.4 without io, os, load, debug, package, coroutine and
-- random; `require "name"` loads lua/name.lua of the same policy. Nothing is kept between messages.

---The message as one rule sees it, for one recipient.
---@class postern.Message
---@field attachments postern.Part[] Parts that are attachments, in the message's order.
---@field connection postern.Connection How the message came in.
---@field headers postern.Headers The header section.
---@field malformed boolean Whether programs could read its parts differently, or not all were read.
---@field origin "member"|"report"|"alert" Who made the message.
---@field parts postern.Part[] All parts that are no multipart, in the message's order.
---@field policy postern.Policy The policy that decides.
---@field recipient postern.Party The recipient about whom is decided.
---@field recipients integer? How many recipients the message has in this transaction.
---@field sender postern.Party The envelope's sender.
---@field size integer? Bytes of the message as SIZE counts them.
---@field subject string? The subject, decoded.
---@field time postern.Time When it came in.
---@field unscannable string[] What stopped the scanner's look inside: depth, files, size, encrypted.
---@field viruses string[] Signatures of the viruses that were found.
local Message = {}

---The text of all parts that are text and no attachment, as UTF-8; at most 256 KiB where `most` (bytes, up to 1 MiB) is not given.
---@param most? integer
---@return string
function Message:text(most) end

---The header section of the message; names without regard to case.
---@class postern.Headers
local Headers = {}

---The first field of that name, decoded and on one line.
---@param name string
---@return string?
function Headers:get(name) end

---All fields of that name, decoded, in order.
---@param name string
---@return string[]
function Headers:all(name) end

---The first field of that name as it came, folding kept.
---@param name string
---@return string?
function Headers:raw(name) end

---All fields of that name as they came.
---@param name string
---@return string[]
function Headers:all_raw(name) end

---Whether there is a field of that name.
---@param name string
---@return boolean
function Headers:has(name) end

---The names of all fields, as written, in order.
---@return string[]
function Headers:names() end

---The addresses in all fields of that name, such as From.
---@param name string
---@return string[]
function Headers:addresses(name) end

---How the message came in.
---@class postern.Connection
---@field address string? Address that the message came from.
---@field listener string? Name of the listener that it came in by.
---@field tls boolean Whether it came over TLS.
local Connection = {}

---A sender or a recipient.
---@class postern.Party
---@field address string? The address in its form inside the community; a report's sender has none.
---@field domain string? The address's domain.
---@field first_contact boolean? Of the recipient: whether it never got anything from this sender; nil: not looked up.
---@field function_name string? Of the recipient: the desk's function in the directory (`recipient.function` in YAML, a reserved word here).
---@field inside boolean? Whether it is a member's, addressed inside the community.
---@field kind string? Of the recipient: user, function or group; nil: not listed in the directory.
---@field local_part string? What stands in front of the @.
---@field organisation postern.Organisation? The member whose address it is; nil: nobody's.
local Party = {}

---A member of the community.
---@class postern.Organisation
---@field domains string[] Its domains, outside the community.
---@field id string As its file says: greenstone.
---@field kind "server"|"mailbox" Whether it has its own server or is hosted here.
---@field kind_of_body string? What it is: court, police, charity.
---@field name string Its name for people.
---@field place string? Where it is.
---@field roles string[] The roles that its file gives it.
local Organisation = {}

---Whether its file gives it that role.
---@param role string
---@return boolean
function Organisation:has_role(role) end

---One part of the message.
---@class postern.Part
---@field attachment boolean Whether it is attached rather than shown.
---@field broken boolean Whether it is an archive that ends or breaks within.
---@field charset string? Declared, in lower case.
---@field depth integer How many multiparts and messages it lies in.
---@field detected_type string? Media type as its bytes show it.
---@field encrypted boolean Whether a password is needed to look into it.
---@field macros boolean Whether it is a document with macros.
---@field members string[] Names of the files in an archive.
---@field name string? File name, decoded, without folders.
---@field sha256 string? Of its decoded bytes, lower-case hexadecimal.
---@field size integer Bytes, decoded.
---@field type string Media type as declared, in lower case.
local Part = {}

---Its text as UTF-8; at most 256 KiB where `most` (bytes, up to 1 MiB) is not given.
---@param most? integer
---@return string
function Part:text(most) end

---The policy in force for the message.
---@class postern.Policy
---@field generation integer Number of the policy's generation.
local Policy = {}

---A time, in UTC.
---@class postern.Time
---@field day integer Day of the month.
---@field epoch integer Seconds since 1970.
---@field hour integer 0 to 23.
---@field iso string 2026-11-24T18:30:00.000000Z
---@field minute integer 0 to 59.
---@field month integer 1 to 12.
---@field second integer 0 to 59.
---@field weekday string monday to sunday.
---@field year integer Such as 2026.
local Time = {}

---Whether the time of day is from "20:00" on and before "06:00"; over midnight where the second is earlier.
---@param from string
---@param to string
---@return boolean
function Time:between(from, to) end

---What scripts of alerts.yaml are asked about: an event.
---@class postern.Event
---@field name string Which event, as `on:` says it: virus_found.
---@field object string What it is about.
---@field policy postern.Policy The policy in force.
---@field severity string notice, warning or critical.
---@field text string What is wrong, what follows, what to do.
---@field time postern.Time When it happened.
local Event = {}

---One of the fields that it carries: "sender.organisation". Nil where this one has none.
---@param name string
---@return string?
function Event:field(name) end

---A table of the policy: words and texts that rules look up.
---@class postern.Table
local Table = {}

---The value of that key; case and white space around it don't count.
---@param key? string
---@return string?
function Table:get(key) end

---Whether it has that key.
---@param key? string
---@return boolean
function Table:has(key) end

---The first key that stands in the text as a word, or as words in a row, and its value.
---@param text? string
---@return string?, string?
function Table:find(text) end

---All such keys in the order of the text, at most 100.
---@param text? string
---@return string[]
function Table:find_all(text) end

---For loops: `for key, value in words:each() do`.
---@return fun(): string?, string?
function Table:each() end

---How many keys it has.
---@return integer
function Table:count() end

---An action, as a script returns it.
---@class postern.Action

---Actions and helpers.
---@class postern
postern = {}

---Whether the text matches the glob or /regular expression/, or one of a list, as in conditions; an absent text matches nothing.
---@param text? string
---@param pattern string|string[]
---@return boolean
function postern.matches(text, pattern) end

---Whether the address lies in the network, such as "203.0.113.0/29", or in one of a list.
---@param address? string
---@param network string|string[]
---@return boolean
function postern.in_network(address, network) end

---Counts for this rule and key, and says whether that is still within the rate, such as "10 per hour". Rehearsals count nothing.
---@param key string
---@param rate string
---@param count? integer
---@return boolean
function postern.rate(key, rate, count) end

---A table that content.yaml declares in `tables:`.
---@param name string
---@return postern.Table
function postern.table(name) end

---A line for the log and for `postern explain`; at most 50 a call.
---@param text any
function postern.log(text) end

---Bytes of a size such as "4 MiB".
---@param text string
---@return integer
function postern.size(text) end

---Seconds of a duration such as "30 days".
---@param text string
---@return number
function postern.duration(text) end

---The message goes on to this recipient; no content rule behind this one is considered for it. (content.yaml)
---@return postern.Action
function postern.accept() end

---The recipient is refused for good: 550 where it is the only verdict, else a failure report. (content.yaml)
---@param text string
---@return postern.Action
function postern.reject(text) end

---The recipient is put off: 451 where it is the only verdict, else the message waits here and is decided again. (content.yaml)
---@param text string
---@return postern.Action
function postern.defer(text) end

---The message is taken and kept for people to decide: `postern quarantine`. (content.yaml)
---@param reason string|{ reason: string, lasts?: string }
---@return postern.Action
function postern.quarantine(reason) end

---The message is taken and waits; it goes on by itself after that time, or when an administrator releases it. (content.yaml)
---@param reason string|{ reason: string, lasts?: string }
---@return postern.Action
function postern.hold(reason) end

---Another recipient gets it instead, after passing the checks that any recipient passes, once. (content.yaml)
---@param address string
---@return postern.Action
function postern.redirect(address) end

---Another recipient gets a copy, after passing the checks that any recipient passes, once. (content.yaml)
---@param address string|string[]
---@return postern.Action
function postern.add_recipient(address) end

---Puts a prefix in front of the subject, unless it is there already. (tagging.yaml, content.yaml)
---@param prefix string
---@return postern.Action
function postern.tag_subject(prefix) end

---Adds a header field. (tagging.yaml, content.yaml)
---@param name string
---@param value string
---@return postern.Action
function postern.add_header(name, value) end

---Removes all header fields of that name and adds one. (tagging.yaml, content.yaml)
---@param name string
---@param value string
---@return postern.Action
function postern.replace_header(name, value) end

---Removes all header fields of that name. (tagging.yaml, content.yaml)
---@param name string
---@return postern.Action
function postern.remove_header(name) end

---A size limit for this recipient's copy; the smallest limit counts. (limits.yaml, content.yaml)
---@param size string|integer
---@return postern.Action
function postern.set_limit(size) end

---Tells the sender, the recipient, the operator, sender_administrators, recipient_administrators, or an address inside the community. (content.yaml)
---@param what { to: string|string[], text: string }
---@return postern.Action
function postern.notify(what) end

---Keeps a note with the message, which `postern trace` shows; of an alert: with it, for its readers inside. (content.yaml, alerts.yaml)
---@param text string
---@return postern.Action
function postern.annotate(text) end

---This sender may write to this recipient; no rule behind this one is considered. (permissions.yaml)
---@return postern.Action
function postern.allow() end

---This sender may not write to this recipient: 550 at RCPT. (permissions.yaml)
---@param text? string
---@return postern.Action
function postern.refuse(text) end
