# Installs the targets as components of the CMake package weir (one export set each, so that a consumer looks only for
# what its components need), and a pkg-config file for everything that was built.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

set(WEIR_COMPONENTS "")
foreach(component core sqlite postgres weir)
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

# pkg-config: what a static library needs from others must be on every consumer's command line.
set(libs -lweir_core)
set(requires fmt tomlplusplus)
if(TARGET weir_sqlite)
  list(PREPEND libs -lweir_sqlite)
  list(APPEND requires sqlite3)
endif()
if(TARGET weir_postgres)
  list(PREPEND libs -lweir_postgres)
  list(APPEND requires libpqxx libpq)
endif()
if(TARGET weir_weir)
  list(PREPEND libs -lweir)
endif()
if(TARGET weir_postgres)
  list(APPEND libs -lpg_query)
endif()
list(JOIN libs " " WEIR_PC_LIBS)
list(JOIN requires " " requires)
get_target_property(type weir_core TYPE)
if(type STREQUAL STATIC_LIBRARY)
  set(WEIR_PC_REQUIRES "Requires: ${requires}")
else()
  set(WEIR_PC_REQUIRES "Requires.private: ${requires}")
endif()
configure_file(src/cmake/weir.pc.in weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
