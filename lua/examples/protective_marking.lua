--- Keeps what is marked above this service's level from members that are not cleared for it.
---
--- Government bodies put a protective marking into X-Protective-Marking, or in front of the subject: "[SECRET] ...".
--- Marked SECRET or above: quarantined, unless both members have the role "cleared". Everything else gets a header that
--- says what was found, so that the receiving side can act on it.
---
---     # content.yaml
---     - name: protective-marking
---       lua: protective_marking.lua
---       may: [quarantine, replace_header]

local above = { SECRET = true, ["TOP SECRET"] = true, ["TOP-SECRET"] = true }
local known = { OFFICIAL = true, ["OFFICIAL-SENSITIVE"] = true, SECRET = true, ["TOP SECRET"] = true,
                ["TOP-SECRET"] = true }

--- The highest marking that header or subject name, in upper case; nil: none.
---@param message postern.Message
---@return string?
local function marking_of(message)
  local found
  for _, value in ipairs(message.headers:all("X-Protective-Marking")) do
    local level = value:upper():match("^%s*([%u -]-)%s*[;,]") or value:upper():match("^%s*([%u -]-)%s*$")
    if level and known[level] and (not found or above[level]) then found = level end
  end
  local level = (message.subject or ""):upper():match("%[([%u -]+)%]")
  if level and known[level] and (not found or above[level]) then found = level end
  return found
end

---@param party postern.Party
local function cleared(party)
  return party.organisation ~= nil and party.organisation:has_role("cleared")
end

---@param message postern.Message
---@return postern.Action?
return function(message)
  local marking = marking_of(message)
  if not marking then return nil end
  if above[marking] and not (cleared(message.sender) and cleared(message.recipient)) then
    return postern.quarantine { reason = "marked " .. marking .. ", above this service's level", lasts = "30 days" }
  end
  return postern.replace_header("X-Checked-Marking", marking)
end
