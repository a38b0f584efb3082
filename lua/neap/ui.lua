--- What a person or a program sees of a run.
--
-- Results go to stdout, progress to stderr. With --json each result is one
-- JSON object a line. Everything passes through here, so here is where
-- secrets are masked and where text from a host loses its escape sequences.

local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"

local ui = {}
ui.__index = ui

local COLORS = { red = "31", green = "32", yellow = "33", cyan = "36", dim = "2", bold = "1" }

local OURS = { ["0"] = true }
for _, code in pairs(COLORS) do OURS[code] = true end

--- @param opts { json = bool, color = bool|nil (nil: where stdout is a
--   terminal and NO_COLOR is not set), verbose = count, quiet = bool }
function ui.new(opts)
  local color = opts.color
  if color == nil then color = sys.isatty(1) and (sys.getenv("NO_COLOR") or "") == "" end
  return setmetatable({
    json = opts.json, color = color and not opts.json, verbose = opts.verbose or 0, quiet = opts.quiet,
    live = sys.isatty(2) and not opts.json, status_width = 0,
  }, ui)
end

local function by_number(c) return string.format("\\u%04x", utf8.codepoint(c)) end
local function by_byte(c) return string.format("\\x%02x", c:byte()) end

--- Foreign text made harmless: control characters other than newline and tab
-- are shown, not obeyed. C1 controls hide in UTF-8 as C2 80..9F, and elsewhere
-- in bytes that are no UTF-8; others turn the order of what is read around.
function ui.harmless(text)
  text = text:gsub("\r", ""):gsub("[%z\1-\8\11-\31\127]", by_byte)
  if not text:find("[\128-\255]") then return text end
  if not utf8.len(text) then return (text:gsub("[\128-\255]", by_byte)) end
  return (text:gsub("\xC2[\x80-\x9F]", by_number):gsub("\xE2\x80[\x8E\x8F\xAA-\xAE]", by_number)
    :gsub("\xE2\x81[\xA6-\xA9]", by_number))
end

local function clean(text) return ui.harmless(taint.mask(tostring(text))) end

--- `text` in a colour, for output that is otherwise clean.
function ui:paint(color, text)
  text = clean(text)
  if not self.color then return text end
  return "\27[" .. COLORS[color] .. "m" .. text .. "\27[0m"
end

function ui:clean(text) return clean(text) end

local function wipe_status(self)
  if self.status_width > 0 then
    sys.write(2, "\r" .. string.rep(" ", self.status_width) .. "\r")
    self.status_width = 0
  end
end

-- The second net: of all control characters only the colours of paint() get
-- through, whoever has forgotten to clean a piece.
local function guarded(text)
  text = taint.mask(text)
  if not text:find("[%z\1-\8\11-\31\127-\255]") then return text end
  local pieces, at = {}, 1
  for from, code, to in text:gmatch("()\27%[(%d+)m()") do
    if OURS[code] then
      pieces[#pieces + 1] = ui.harmless(text:sub(at, from - 1)) .. text:sub(from, to - 1)
      at = to
    end
  end
  return table.concat(pieces) .. ui.harmless(text:sub(at))
end

local lost -- why something of the results could not be written

-- Where nobody reads on (`| head`) nothing is lost.
local function put(text)
  local ok, message, code = sys.write(1, text)
  if not ok and code ~= "closed" then lost = lost or message end
end

--- Why results could not be written, where they could not; told once.
function ui:take_lost()
  local why = lost
  lost = nil
  return why
end

--- Results that are no text for people: bytes as they are.
function ui:bytes(bytes)
  wipe_status(self)
  put(bytes)
end

--- A line of results; pieces that come from elsewhere must have gone through
-- clean() or paint(), or may do as they please with colours.
function ui:line(text)
  if self.json then return end
  wipe_status(self)
  put(guarded(text) .. "\n")
end

--- Results as they are (already text for people); masked here.
function ui:out(text)
  wipe_status(self)
  put(clean(text))
end

--- A line for the operator on stderr.
function ui:err(text)
  wipe_status(self)
  sys.write(2, clean(text) .. "\n")
end

--- A line on stderr that only -v shows.
function ui:detail(text)
  if self.verbose > 0 then self:err(text) end
end

--- What is going on right now: one line that is written over.
function ui:status(text)
  if not self.live or self.quiet then return end
  text = clean(text):sub(1, math.max(10, sys.width() - 1))
  local pad = math.max(0, self.status_width - #text)
  sys.write(2, "\r" .. text .. string.rep(" ", pad))
  self.status_width = #text
end

--- One event of the JSON stream; nothing without --json. JSON leaves some
-- control characters as they are.
function ui:event(event)
  if not self.json then return end
  local text = taint.mask(json.encode(event))
  text = text:gsub("\127", "\\u007f"):gsub("\xC2([\x80-\x9F])", function(c) return ("\\u%04x"):format(c:byte()) end)
  put(text .. "\n")
end

--- Ends the status line.
function ui:done() wipe_status(self) end

return ui
