# Every header of include/weir, installed and compiled alone by the test consumer.headers. lint.files compares this
# list with the folder.
set(WEIR_PUBLIC_HEADERS
    clock.hpp
    database.hpp
    detail/cell_reader.hpp
    detail/traits.hpp
    drivers/postgres.hpp
    drivers/redis.hpp
    drivers/sqlite.hpp
    error.hpp
    events.hpp
    explanation.hpp
    metrics.hpp
    open_driver.hpp
    options.hpp
    params.hpp
    policy.hpp
    result.hpp
    session.hpp
    spi/admin.hpp
    spi/analysis.hpp
    spi/change_feed.hpp
    spi/deadline.hpp
    spi/driver.hpp
    spi/remote_store.hpp
    spi/result_buffer.hpp
    spi/result_builder.hpp
    spi/snapshot.hpp
    spi/text.hpp
    token.hpp
    transaction.hpp
    units.hpp
    weir.hpp)
list(TRANSFORM WEIR_PUBLIC_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/weir/)
