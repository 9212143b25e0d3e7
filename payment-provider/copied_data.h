// What "payment-provider --copy" copies.

#ifndef PAYMENT_PROVIDER_COPIED_DATA_H_
#define PAYMENT_PROVIDER_COPIED_DATA_H_

#include "common/storage/copy.h"

namespace payment_provider {

common::CopiedData copied_data();

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_COPIED_DATA_H_
