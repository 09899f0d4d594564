# Every header of include/weir, installed and compiled alone by the test consumer.headers. lint.files compares this
# list with the folder.
set(WEIR_PUBLIC_HEADERS
    clock.hpp
    error.hpp
    params.hpp
    units.hpp)
list(TRANSFORM WEIR_PUBLIC_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/weir/)
