--- Looks closer at the first message from somebody: most attempts to deceive are one.
---
--- A recipient who never got anything from this sender, and signs that taken together are suspicious: a name that looks
--- like one of the recipient's colleagues, replies that go elsewhere, an archive that can't be looked into, pressure in
--- the subject. Two signs: quarantined. One: the copy says that this is a first contact.
---
---     # content.yaml
---     - name: suspicious-first-contact
---       when: { recipient.first_contact: true }
---       lua: first_contact.lua
---       may: [quarantine, tag_subject, annotate]

local pressure = { "*urgent*", "*immediately*", "*overdue*", "*account*suspended*", "*payment*", "*gift card*" }

--- "Anna Example <x@elsewhere.example>": the shown name contains an address that is not the sender's own.
---@param message postern.Message
local function shows_another_address(message)
  local from = message.headers:get("From") or ""
  local shown = from:match("^(.-)<[^<>]*>%s*$")
  local own = from:match("<([^<>]*)>%s*$")
  local address = shown and shown:match("[%w._-]+@[%w.-]+")
  return address ~= nil and own ~= nil and address:lower() ~= own:lower()
end

---@param message postern.Message
local function replies_go_elsewhere(message)
  local from = message.headers:addresses("From")[1]
  local reply = message.headers:addresses("Reply-To")[1]
  return from ~= nil and reply ~= nil and from:match("@(.*)$"):lower() ~= reply:match("@(.*)$"):lower()
end

---@param message postern.Message
local function hides_its_contents(message)
  for _, attachment in ipairs(message.attachments) do
    if postern.matches(attachment.name, { "*.zip", "*.rar", "*.7z", "*.docm", "*.xlsm", "*.html" }) then return true end
  end
  return false
end

---@param message postern.Message
---@return postern.Action[]?
return function(message)
  if message.recipient.first_contact ~= true then return nil end
  local signs = {}
  if shows_another_address(message) then signs[#signs + 1] = "its From shows another address than its own" end
  if replies_go_elsewhere(message) then signs[#signs + 1] = "replies go to another domain" end
  if hides_its_contents(message) then signs[#signs + 1] = "an attachment that can run or hide programs" end
  if postern.matches(message.subject, pressure) then signs[#signs + 1] = "a subject that presses" end
  if #signs == 0 then return nil end
  local reason = "first contact: " .. table.concat(signs, "; ")
  if #signs >= 2 then return { postern.quarantine { reason = reason } } end
  return { postern.tag_subject("FIRST CONTACT: "), postern.annotate(reason) }
end
