// What "invoice-app --copy" copies.

#ifndef INVOICE_APP_COPIED_DATA_H_
#define INVOICE_APP_COPIED_DATA_H_

#include "common/storage/copy.h"

namespace invoice_app {

common::CopiedData copied_data();

}  // namespace invoice_app

#endif  // INVOICE_APP_COPIED_DATA_H_
