// The page is put together here and drawn by its scripts (data/report/page) in the reader's browser.
#include "data/report/report_page.h"

#include <charconv>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "data/report/page_files.h"

namespace atelier {
namespace {

/// RFC 4648, section 4, of a SHA-256 in hex: 32 bytes, so the last group has two of three.
std::string base64_of_hex(std::string_view hex) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const char digit : hex) {
    uint32_t value = 0;
    std::from_chars(&digit, &digit + 1, value, 16);
    bits = bits << 4 | value;
    held += 4;
    if (held < 6) continue;
    held -= 6;
    out += kDigits[bits >> held & 63];
  }
  if (held > 0) out += kDigits[bits << (6 - held) & 63];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string_view page_file(std::string_view name) {
  for (const EmbeddedFile& file : kPageFiles) {
    if (file.name == name) return file.text;
  }
  throw std::logic_error(text("no file ", name, " in the page"));
}

/// Writes `text` in the place of a comment that stands in the page once: "<!--style-->".
void fill(std::string& page, std::string_view comment, std::string_view text) {
  page.replace(page.find(comment), comment.size(), text);
}

}  // namespace

std::string json_for_html(std::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    // In JSON it occurs within texts only.
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string csp_hash(std::string_view text) {
  return "'sha256-" + base64_of_hex(sha256_hex(std::as_bytes(std::span(text)))) + "'";
}

std::string report_page(std::string_view report_json) {
  const std::string_view style = page_file("report.css");
  std::string scripts, script_hashes;
  for (const EmbeddedFile& file : kPageFiles) {
    if (!file.name.ends_with(".js")) continue;
    scripts += text("<script>", file.text, "</script>\n");
    script_hashes += " " + csp_hash(file.text);
  }
  const std::string policy =
      text("default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; script-src", script_hashes,
           "; style-src ", csp_hash(style), "; require-trusted-types-for 'script'; trusted-types 'none'");
  std::string page(page_file("report.html"));
  fill(page, "<!--policy-->", text("<meta http-equiv=\"Content-Security-Policy\" content=\"", policy, "\">"));
  fill(page, "<!--style-->", text("<style>", style, "</style>"));
  fill(page, "<!--scripts-->", scripts);
  // Last: what the data set says is never searched for the comments.
  fill(page, "<!--report-->",
       text("<script type=\"application/json\" id=\"report\">", json_for_html(report_json), "</script>"));
  return page;
}

}  // namespace atelier
