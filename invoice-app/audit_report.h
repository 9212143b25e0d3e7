// The report of the audit, for people and for programs. Functions are thread-safe.

#ifndef INVOICE_APP_AUDIT_REPORT_H_
#define INVOICE_APP_AUDIT_REPORT_H_

#include <chrono>
#include <string>

#include "common/base/clock.h"
#include "invoice-app/audit.h"

namespace invoice_app {

// One line for each currency, and one with the result.
std::string to_text(const AuditReport& report);

// One JSON object, as docs/audit.md describes it, with a line end.
std::string to_json(const AuditReport& report, common::WallTime started_at,
                    std::chrono::milliseconds duration);

}  // namespace invoice_app

#endif  // INVOICE_APP_AUDIT_REPORT_H_
