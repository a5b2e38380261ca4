--- Holds mail that names something confidential, unless it goes to an organisation that may know.
---
--- The words are a table of content.yaml: each word or phrase with the role that may read it. They are looked for in the
--- subject, the text and the names of attachments, as whole words, whatever their case.
---
---     # content.yaml
---     tables:
---       confidential: { Nightjar: operations, "project alder": operations, witness protection: police }
---     rules:
---       - name: confidential-words
---         lua: confidential_words.lua
---         may: [quarantine, annotate]

---@param message postern.Message
---@return string
local function searched(message)
  local texts = { message.subject or "", message:text() }
  for _, attachment in ipairs(message.attachments) do texts[#texts + 1] = attachment.name or "" end
  return table.concat(texts, "\n")
end

---@param message postern.Message
---@return postern.Action[]
return function(message)
  local words = postern.table("confidential")
  local organisation = message.recipient.organisation
  local actions = {}
  for _, word in ipairs(words:find_all(searched(message))) do
    if not (organisation and organisation:has_role(words:get(word))) then
      -- The word itself is for those who release the message, not for the log.
      return { postern.quarantine { reason = "names \"" .. word .. "\", which this recipient may not read" } }
    end
    actions[1] = postern.annotate("confidential words, for a recipient who may read them")
  end
  return actions
end
