# weir_build_flags: what our own targets are compiled with. Linked privately and only in the build tree, so that no
# consumer inherits a warning, a sanitizer or the path of this repository.
add_library(weir_build_flags INTERFACE)
target_include_directories(weir_build_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(
  weir_build_flags
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wcast-qual
            -Wformat=2
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
            $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
            $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
            $<$<BOOL:${WEIR_WERROR}>:-Werror>)
if(WEIR_SANITIZE)
  target_compile_options(weir_build_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all
                                                    -fno-omit-frame-pointer)
  target_link_options(weir_build_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()

# weir_library(<name> <component>): a library target of ours with the alias and exported name weir::<component>.
function(weir_library name component)
  add_library(${name})
  add_library(weir::${component} ALIAS ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${component} CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
                                           VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:weir_build_flags>)
endfunction()
