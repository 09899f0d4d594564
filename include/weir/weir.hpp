#pragma once

// Everything a service needs.
#include "weir/clock.hpp"
#include "weir/database.hpp"
#include "weir/error.hpp"
#include "weir/events.hpp"
#include "weir/explanation.hpp"
#include "weir/metrics.hpp"
#include "weir/options.hpp"
#include "weir/params.hpp"
#include "weir/policy.hpp"
#include "weir/result.hpp"
#include "weir/session.hpp"
#include "weir/token.hpp"
#include "weir/transaction.hpp"
#include "weir/units.hpp"
