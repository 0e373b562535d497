// report.json on standard input, report.html on standard output: pages of reports that no data set at hand has.
#include <iostream>
#include <iterator>

#include "data/report/report_page.h"

int main() {
  const std::string json(std::istreambuf_iterator<char>(std::cin), {});
  std::cout << atelier::report_page(json);
}
