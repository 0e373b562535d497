// report.html: the page that shows report.json, one file that needs no network and no server.
#pragma once

#include <string>
#include <string_view>

namespace atelier {

/// The page of `report_json` (docs/formats/report_json.md). Its content security policy names the scripts and the style
/// by their hashes, allows nothing else and no request. Pure: the same JSON gives the same bytes.
std::string report_page(std::string_view report_json);

/// JSON that may stand inside a <script> element: the same value, in which no `<` is written as such.
std::string json_for_html(std::string_view json);

/// 'sha256-...', as a content security policy names an inline script or style (W3C CSP 3, section 2.3.1).
std::string csp_hash(std::string_view text);

}  // namespace atelier
