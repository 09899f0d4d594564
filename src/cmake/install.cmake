# Installs the targets as components of the CMake package weir (one export set each, so that a consumer looks only for
# what its components need), and a pkg-config file for everything that was built.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

set(WEIR_COMPONENTS "")
foreach(component core sqlite postgres redis weir)
  if(TARGET weir_${component})
    list(APPEND WEIR_COMPONENTS ${component})
    install(TARGETS weir_${component} EXPORT weir-${component} FILE_SET HEADERS)
    install(
      EXPORT weir-${component}
      NAMESPACE weir::
      FILE weir-${component}.cmake
      DESTINATION ${package_dir})
  endif()
endforeach()
if(TARGET weir_command)
  install(TARGETS weir_command)
endif()

configure_package_config_file(src/cmake/weir-config.cmake.in weir-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(weir-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weir-config.cmake ${PROJECT_BINARY_DIR}/weir-config-version.cmake
              drivers/postgres/FindPgQuery.cmake DESTINATION ${package_dir})

# pkg-config: a static weir puts what it stands on onto every consumer's command line; named as libraries and not as
# Requires, which would pass on the others' compiler flags too.
set(libs -lweir_core)
set(others -lfmt -llz4 -ltomlplusplus)
if(TARGET weir_sqlite)
  list(PREPEND libs -lweir_sqlite)
  list(APPEND others -lsqlite3)
endif()
if(TARGET weir_postgres)
  list(PREPEND libs -lweir_postgres)
  list(APPEND others -lpqxx -lpq -lpg_query)
endif()
if(TARGET weir_redis)
  list(PREPEND libs -lweir_redis)
  list(APPEND others -lhiredis)
  if(WEIR_REDIS_TLS)
    list(APPEND others -lssl -lcrypto)
  endif()
endif()
if(TARGET weir_weir)
  list(PREPEND libs -lweir)
endif()
get_target_property(type weir_core TYPE)
if(type STREQUAL STATIC_LIBRARY)
  list(APPEND libs ${others})
  set(others "")
endif()
list(JOIN libs " " WEIR_PC_LIBS)
list(JOIN others " " WEIR_PC_LIBS_PRIVATE)
file(RELATIVE_PATH WEIR_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(src/cmake/weir.pc.in weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
